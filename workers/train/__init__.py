"""Training: labelled windows in, a model folder out, by the codecs and the aligner that also serve.

Learned models by a plan are trained here, the reference architecture in ``scenes``.
"""
