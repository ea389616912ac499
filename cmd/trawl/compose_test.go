package main

import (
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A compose is what these tests look at of a compose file.
type compose struct {
	Services map[string]struct {
		Image       string
		Command     any // a list, or one text
		Profiles    []string
		Environment map[string]string
		DependsOn   any `yaml:"depends_on"` // names, or a condition for each
		Deploy      struct{ Replicas int }
		Ports       []string
		Volumes     []string
		Configs     []struct{ Source, Target string }
	}
	Volumes map[string]any
	Configs map[string]struct{ Content string }
}

// TestCompose reads examples/compose.yaml as far as that can be done without
// starting it: everything that it names is there, and the program takes the
// commands that are in it.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../../examples/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		if _, version, _ := strings.Cut(s.Image, ":"); s.Image != "trawl" && (version == "" || version == "latest") {
			t.Errorf("service %s: image %q has no version", name, s.Image)
		}
		for _, on := range namesOf(s.DependsOn) {
			if _, ok := c.Services[on]; !ok {
				t.Errorf("service %s depends on %s, which is not there", name, on)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[source]; !ok && !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "${") {
				t.Errorf("service %s mounts %s, which is not there", name, source)
			}
			if strings.HasPrefix(source, "./") {
				if _, err := os.Stat("../../examples/" + source); err != nil {
					t.Errorf("service %s: %v", name, err)
				}
			}
		}
		for _, f := range s.Configs {
			if _, ok := c.Configs[f.Source]; !ok {
				t.Errorf("service %s has the config %s, which is not there", name, f.Source)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("service %s is open to everybody at %s", name, p)
			}
		}
		for key, v := range s.Environment {
			if (strings.Contains(key, "PASSWORD") || strings.Contains(key, "SECRET")) && !strings.HasPrefix(v, "${PASSWORD:?") {
				t.Errorf("service %s: %s is written there", name, key)
			}
		}
	}
	for name, f := range c.Configs {
		var any map[string]any
		if err := yaml.Unmarshal([]byte(f.Content), &any); err != nil || len(any) == 0 {
			t.Errorf("config %s: %v, %v", name, any, err)
		}
	}

	worker := c.Services["worker"]
	if worker.Deploy.Replicas != 3 || len(worker.Profiles) > 0 {
		t.Errorf("%d workers in the profiles %v, want 3 in none", worker.Deploy.Replicas, worker.Profiles)
	}
	if !strings.Contains(c.Configs["prometheus"].Content, "port: 9464") || !slices.Contains(namesOf(worker.Command), "0.0.0.0:9464") {
		t.Error("Prometheus does not look where the workers answer")
	}

	lines := [][]string{namesOf(worker.Command)}
	for _, m := range regexp.MustCompile(`(?m)^#   docker.* run --rm trawl (.*[^.\n])$`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, strings.Fields(m[1]))
	}
	if len(lines) < 3 {
		t.Errorf("%d command lines, want that of a worker and two in the comments", len(lines))
	}
	for _, words := range lines {
		root := (&app{out: io.Discard, err: io.Discard}).rootCommand()
		cmd, rest, err := root.Find(words)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || cmd == root {
			t.Errorf("trawl %s: %v", strings.Join(words, " "), err)
		}
	}
}

// namesOf returns the words of a list, or the keys of a map.
func namesOf(v any) (out []string) {
	switch v := v.(type) {
	case []any:
		for _, w := range v {
			out = append(out, w.(string))
		}
	case map[string]any:
		out = slices.Sorted(maps.Keys(v))
	}
	return out
}

// TestDockerfile holds the Dockerfile against go.mod.
func TestDockerfile(t *testing.T) {
	docker, err1 := os.ReadFile("../../Dockerfile")
	mod, err2 := os.ReadFile("../../go.mod")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	image := regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+)`).FindSubmatch(docker)
	goes := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if image == nil || goes == nil || string(image[1]) != string(goes[1]) {
		t.Errorf("the Dockerfile builds with Go %q, go.mod has %q", image, goes)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]\d+:[1-9]\d+$`).Match(docker) || !strings.Contains(string(docker), "CGO_ENABLED=0") {
		t.Error("the Dockerfile makes no static binary, or runs it as root")
	}
}
