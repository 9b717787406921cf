"""The two servers of the local stack, real ones: a Kafka broker and a Postgres, as plain processes of this machine.

The modules here know nothing of pipelines; they start a server in a directory and say where it listens.
"""
