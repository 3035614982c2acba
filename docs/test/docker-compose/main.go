// `docker-compose` as Docker's own module builds it: it reads and checks compose files without an engine. And
// `docker-compose ignored FILE`, which prints the paths of its input that a `.dockerignore` keeps out of an image, by the
// matcher of Docker.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v2/cmd/compatibility"
	commands "github.com/docker/compose/v2/cmd/compose"
	"github.com/docker/compose/v2/pkg/compose"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/spf13/cobra"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "ignored" {
		ignored(os.Args[2])
		return
	}
	os.Args = append([]string{"docker"}, compatibility.Convert(os.Args[1:])...)
	plugin.Run(func(cli command.Cli) *cobra.Command {
		root := commands.RootCommand(cli, compose.NewComposeService(cli))
		before := root.PersistentPreRunE
		root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
			if err := plugin.PersistentPreRunE(cmd, args); err != nil {
				return err
			}
			return before(cmd, args)
		}
		return root
	}, metadata.Metadata{SchemaVersion: "0.1.0", Vendor: "Docker Inc.", Version: "2.40.3"})
}

func ignored(path string) {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		panic(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if is, err := matcher.MatchesOrParentMatches(lines.Text()); err != nil {
			panic(err)
		} else if is {
			fmt.Println(lines.Text())
		}
	}
}
