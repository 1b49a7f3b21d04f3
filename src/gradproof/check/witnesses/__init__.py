"""Independent evidence of what a gradient should be, one witness a file.

``numerical``     differences of the forward along random directions, with an error
``autograd``      differentiation of the forward's own code, exact where it speaks
``forward_mode``  dual numbers through the same code, where autograd is silent
``complex_step``  an imaginary step, exact where the forward is analytic
``hearing``       which of the exact ones speak at a trial, and are believed
"""
