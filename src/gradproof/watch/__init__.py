"""Record the calls that a program makes, and check what it called.

recorder   notices each new kind of call of a hand-written gradient, and copies it
calls      what is kept of one call
file       calls as a file that executes nothing when it is read
script     runs a script or a module as ``python`` would
verdicts   checks what was recorded, each target isolated
"""
