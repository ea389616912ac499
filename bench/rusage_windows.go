package main

import "os"

func maxRSS(*os.ProcessState) int64 { return 0 }

func ownCPU() float64 { return 0 }

const exeSuffix = ".exe"
