"""Playing scenario files against a bot. Start at `playing.play` and `player.session_opener`."""
