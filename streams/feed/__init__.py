"""Feeding: files and scenes become samples on topics, at the pace that a user asks for."""
