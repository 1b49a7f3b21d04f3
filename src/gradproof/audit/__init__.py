"""Find the hand-written gradients of an installed package, and check them unasked.

find       the targets of a package, its modules imported but none of its scripts run
source     a function's syntax tree, and what a backward's says
clues      what a forward's own source says about its parameters
candidates what a parameter might be given, the most telling first
search     the most general arguments that a forward accepts
missing    what to say where there are none
judge      the worker's side: arguments in, verdict out
"""
