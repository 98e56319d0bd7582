"""What a sweep's runs say: what matters, where it fails, how it responds."""
