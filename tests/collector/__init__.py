"""The collector broken on purpose: what was broken, and the tests that have to see it."""
