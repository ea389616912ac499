package process

import "os"

type rooted struct{}
type asks struct{}

func (*asks) answer([]byte) {}

type arenaOnce struct{}
type sessions struct{}

func (*sessions) forward(*link, byte, []byte) {}
func (*sessions) gone()                       {}
func arenaFile() *os.File                     { return nil }
func setArenaFile(*os.File)                   {}
func sweepArena()                             {}
