"""What the license allows, decided here and nowhere else."""
