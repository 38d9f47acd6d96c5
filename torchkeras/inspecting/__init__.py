"""What a model file holds, told without running, importing or building anything that it says.

`report` is what is told, `files` reads each format into one, `architecture` speaks of configs.
"""
