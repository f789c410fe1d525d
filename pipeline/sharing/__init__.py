"""A prepared set as a folder for others: the Hugging Face Hub, Croissant, Energon.

publishing     the folder, its shards and the table of its clips
contents       what is in a shard
card           README.md: what people should know of the set
croissant      croissant.json: the set in JSON-LD
energon        .nv-meta and the indices of the tars
sample_loader  what Energon runs for each sample; it is copied into .nv-meta
"""
