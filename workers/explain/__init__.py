"""Why a window looks as it does: gathered from the topics, put together, drawn."""
