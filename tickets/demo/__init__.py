"""A believable company for demos and for measuring: the same for the same seed, of any size.

People and places are made first, then the requests, each lived through step by step until now; everything is
written by COPY under the constraints that real rows meet.
"""
