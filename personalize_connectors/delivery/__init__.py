"""What every connector shares: plan, sender, receipts, state."""
