"""For ElevenLabs' clients: `/v1/music` with `/stream` and `/detailed`, and `/v1/sound-generation`.

Learned from elevenlabs-python 2.78.
"""
