"""What a model's answers are worth: metrics, intervals, ablation, robustness, and the report."""
