"""What the control room is made of: see etl_core.views.control_room, its entry."""
