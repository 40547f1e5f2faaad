"""What looks into a policy for one property, with its null: detectors."""
