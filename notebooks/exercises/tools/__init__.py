"""What graders use: comparing, crash images, an unreliable web server, clocks, files as they land."""
