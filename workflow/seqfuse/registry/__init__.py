"""What exists, as data alone: methods, arms, controls, metrics, figures, judges, layouts."""
