"""For OpenAI's clients: `/v1/audio/speech`, `/v1/models`, and the two audio routes that others added beside them.

Learned from openai-python 3.57; `/v1/audio/generations` from lemonade's server, `/v1/audio/music` from InfiniteModel.
"""
