"""What only a GPU does: steps that are captured once and replayed."""
