"""Vigie's shell: brokers, agents, sinks, files, clocks."""

from streams.compilation import share_compiled_code

share_compiled_code()
