// A poller on go-git: what the core of an agent written in Go costs, and no more than that.
//
//	gogit [-once] [-into FOLDER] REPOSITORY URL REF
//
// It fetches one ref into a bare repository and says `moved` or `same`. It stays: each line of its
// input is how often to poll before it says so. With -once it polls once and ends. With -into, the
// files under deployments/ are written to that folder whenever the ref has moved.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

type poller struct {
	repository *git.Repository
	remote     *git.Remote
	ref        plumbing.ReferenceName
	into       string
}

func main() {
	once := flag.Bool("once", false, "poll once and end")
	into := flag.String("into", "", "where the files are written")
	flag.Parse()
	log.SetFlags(0)
	p, err := open(flag.Arg(0), flag.Arg(1), flag.Arg(2), *into)
	if err != nil {
		log.Fatal(err)
	}
	if *once {
		p.say(1)
		return
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		times, err := strconv.Atoi(lines.Text())
		if err != nil {
			log.Fatal(err)
		}
		p.say(times)
	}
}

func open(folder, url, ref, into string) (*poller, error) {
	repository, err := git.PlainOpen(folder)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		repository, err = git.PlainInit(folder, true)
	}
	if err != nil {
		return nil, err
	}
	spec := config.RefSpec(fmt.Sprintf("+%s:%s", ref, ref))
	remote := git.NewRemote(repository.Storer, &config.RemoteConfig{
		Name: "origin", URLs: []string{url}, Fetch: []config.RefSpec{spec},
	})
	return &poller{repository, remote, plumbing.ReferenceName(ref), into}, nil
}

func (p *poller) say(times int) {
	word := "same"
	for ; times > 0; times-- {
		moved, err := p.poll()
		if err != nil {
			log.Fatal(err)
		}
		if moved {
			word = "moved"
		}
	}
	fmt.Println(word)
}

func (p *poller) poll() (bool, error) {
	err := p.remote.Fetch(&git.FetchOptions{Tags: git.NoTags})
	if errors.Is(err, git.NoErrAlreadyUpToDate) {
		return false, nil
	}
	if err == nil && p.into != "" {
		err = p.write()
	}
	return true, err
}

func (p *poller) write() error {
	tip, err := p.repository.Reference(p.ref, true)
	if err != nil {
		return err
	}
	commit, err := p.repository.CommitObject(tip.Hash())
	if err != nil {
		return err
	}
	root, err := commit.Tree()
	if err != nil {
		return err
	}
	tree, err := root.Tree("deployments")
	if err != nil {
		return err
	}
	return tree.Files().ForEach(func(file *object.File) error {
		text, err := file.Contents()
		if err != nil {
			return err
		}
		path := filepath.Join(p.into, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o644)
	})
}
