package isolate

// Size returns how many worker processes there are at most.
func Size(s *Spider) int { return s.size }
