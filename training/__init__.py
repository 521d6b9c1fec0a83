"""How the bundled model is made: corpus, codec, text encoder, language model, packing and evaluation.

Every stage is a module that runs alone (``python -m training.codec``) and resumes from ``build/training``.
`docs/training.md` tells the order and the reasons. Nothing here is imported by the service.
"""

from musicgen_api import environment

environment.settle()  # before torch and AudioCraft are imported, whichever stage it is for
