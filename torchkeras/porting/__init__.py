"""Sources written for Keras and TensorFlow, rewritten in the words of torchkeras.

Files by topic: `names` (what a dotted name is called today), `bindings` (what imports bind and who
uses it), `arguments` (keywords of today), `methods` (old methods of models), `source` (a program
from end to end), `notebook` (the same of cells). What an old spelling means is read from the
tables of `torchkeras.legacy`. libcst is needed, which keeps comments and layout.
"""
