"""Independent evidence of what a gradient should be, one witness a file.

``numerical``  differences of the forward along random directions, with an error
``autograd``   differentiation of the forward's own code, exact where it speaks
"""
