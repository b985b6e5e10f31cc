"""What a metric is worth: how often votes agree with it, what following it costs, and what it could reach."""
