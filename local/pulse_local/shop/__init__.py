"""A shop of five pages with the tracker in them, for whoever wants to click and see the funnel move."""
