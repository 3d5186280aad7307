package protocols_test

func liveAttacks() []disclosure { return nil }

func certificateAttacks() []disclosure { return nil }
