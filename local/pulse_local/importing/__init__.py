"""`pulse import`: a file of somebody else's events becomes events of the contract.

One way through: reading (rows of the file) -> converting (documents, by the mapping) -> sending (Kafka) -> books (what
became of them). mapping and converting are pure.
"""
