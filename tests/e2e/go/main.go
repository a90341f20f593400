// Checks what a hub hands out with the Merkle and note code of the Go checksum database, and none of the hub's own.
//
// Standard input is a JSON list of cases, standard output a JSON list of findings in the same order. A case names the
// log's verifier key; its other members depend on its kind:
//
//	checkpoint   note
//	cosignature  note, witness (verifier key, signature type 0x04), time it must bear
//	receipt      receipt (C2SP tlog-proof whose extra line is the entry)
//	consistency  old and new (notes), path (base64 hashes)
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	typeCosignature = 0x04
	timeBytes       = 8
	proofHeader     = "c2sp.org/tlog-proof@v1"
)

type testCase struct {
	Kind    string   `json:"kind"`
	Log     string   `json:"log"`
	Note    string   `json:"note"`
	Witness string   `json:"witness"`
	Time    uint64   `json:"time"`
	Receipt string   `json:"receipt"`
	Old     string   `json:"old"`
	New     string   `json:"new"`
	Path    []string `json:"path"`
}

// finding says why a case was refused, or, where Refused is empty, what was proven.
type finding struct {
	Refused string `json:"refused"`
	Size    int64  `json:"size"`
	// Signature lines of keys that this program does not know.
	Unknown int `json:"unknown"`
}

type checkpoint struct {
	origin  string
	size    int64
	root    tlog.Hash
	unknown int
}

// cosigner checks Ed25519 cosignatures, C2SP tlog-cosignature; it is what note.Verifier asks for.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

// Verify takes the note's text, and a signature that starts with its time.
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != timeBytes+ed25519.SignatureSize {
		return false
	}
	c.time = binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, text)
	return ed25519.Verify(c.key, []byte(message), signature[timeBytes:])
}

func newCosigner(verifierKey string) (*cosigner, error) {
	parts := strings.SplitN(verifierKey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("a verifier key has three parts")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) != 1+ed25519.PublicKeySize || material[0] != typeCosignature {
		return nil, errors.New("not the key of an Ed25519 cosignature")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	hash := binary.BigEndian.Uint32(digest[:])
	if parts[1] != fmt.Sprintf("%08x", hash) {
		return nil, errors.New("the key's id is not its own")
	}
	return &cosigner{name: parts[0], hash: hash, key: material[1:]}, nil
}

func open(text, logKey string, more ...note.Verifier) (*checkpoint, error) {
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(append(more, log)...))
	if err != nil {
		return nil, err
	}
	signers := map[string]bool{}
	for _, signature := range opened.Sigs {
		signers[fmt.Sprintf("%s+%08x", signature.Name, signature.Hash)] = true
	}
	for _, verifier := range append(more, log) {
		if !signers[fmt.Sprintf("%s+%08x", verifier.Name(), verifier.KeyHash())] {
			return nil, fmt.Errorf("%s did not sign", verifier.Name())
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != log.Name() {
		return nil, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] || size < 0 {
		return nil, errors.New("not a tree size")
	}
	root, err := tlog.ParseHash(lines[2])
	return &checkpoint{lines[0], size, root, len(opened.UnverifiedSigs)}, err
}

func hashes(encoded []string) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, 0, len(encoded))
	for _, text := range encoded {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

func checkReceipt(one testCase) (*checkpoint, error) {
	halves := strings.SplitN(one.Receipt, "\n\n", 2)
	lines := strings.Split(halves[0], "\n")
	if len(halves) != 2 || len(lines) < 3 || lines[0] != proofHeader {
		return nil, errors.New("not a tlog-proof with an entry")
	}
	if !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return nil, errors.New("no extra and index")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return nil, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return nil, err
	}
	path, err := hashes(lines[3:])
	if err != nil {
		return nil, err
	}
	head, err := open(halves[1], one.Log)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= head.size {
		return nil, errors.New("index outside the tree")
	}
	return head, tlog.CheckRecord(path, head.size, head.root, index, tlog.RecordHash(entry))
}

func checkConsistency(one testCase) (*checkpoint, error) {
	older, err := open(one.Old, one.Log)
	if err != nil {
		return nil, err
	}
	newer, err := open(one.New, one.Log)
	if err != nil {
		return nil, err
	}
	path, err := hashes(one.Path)
	if err != nil {
		return nil, err
	}
	return newer, tlog.CheckTree(path, newer.size, newer.root, older.size, older.root)
}

func checkCosignature(one testCase) (*checkpoint, error) {
	witness, err := newCosigner(one.Witness)
	if err != nil {
		return nil, err
	}
	head, err := open(one.Note, one.Log, witness)
	if err == nil && witness.time != one.Time {
		err = fmt.Errorf("cosigned at %d", witness.time)
	}
	return head, err
}

func check(one testCase) (*checkpoint, error) {
	switch one.Kind {
	case "checkpoint":
		return open(one.Note, one.Log)
	case "cosignature":
		return checkCosignature(one)
	case "receipt":
		return checkReceipt(one)
	case "consistency":
		return checkConsistency(one)
	}
	return nil, fmt.Errorf("unknown kind %q", one.Kind)
}

func main() {
	var cases []testCase
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	findings := make([]finding, len(cases))
	for at, one := range cases {
		head, err := check(one)
		if err != nil {
			findings[at] = finding{Refused: err.Error()}
		} else {
			findings[at] = finding{Size: head.size, Unknown: head.unknown}
		}
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(findings); err != nil {
		panic(err)
	}
	os.Stdout.Write(text.Bytes())
}
