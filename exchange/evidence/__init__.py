"""Evidence packs: one file that proves a batch, an agreement or a dataset, without the hub and without the network.

Pure: the form, the checks, the cover page. What is collected from a hub is the business of `exchange.client`.
"""
