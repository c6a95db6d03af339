package greenfield

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Dir is the folder with the files, from GREENFIELD_OPENAPI; empty when it is
// not set.
func Dir() string { return os.Getenv("GREENFIELD_OPENAPI") }

// Checker holds what is sent against the files. It is safe for concurrent use.
type Checker struct{ doc *openapi3.T }

// hooks are the paths under which webhooks are looked up.
const hooks = "/webhook-event/"

// Load reads the files of a folder. Their faults are mended in memory: the
// branches of each allOf are joined, since most say additionalProperties:
// false, and nothing could satisfy two of them; the file about subscriptions,
// whose references lead nowhere, is left out; and the whole is not validated,
// since two of its defaults are wrong.
func Load(dir string) (*Checker, error) {
	files, err := filepath.Glob(filepath.Join(dir, "swagger.template*.json"))
	if err != nil {
		return nil, fmt.Errorf("greenfield: %w", err)
	}
	root := map[string]any{}
	for _, file := range files {
		if strings.HasSuffix(file, "subscriptions.json") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("greenfield: %w", err)
		}
		var one map[string]any
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("greenfield: %s: %w", filepath.Base(file), err)
		}
		merge(root, one)
	}
	if root["paths"] == nil {
		return nil, fmt.Errorf("greenfield: no OpenAPI files in %s", dir)
	}
	events, _ := root["x-webhooks"].(map[string]any)
	delete(root, "x-webhooks")
	paths := root["paths"].(map[string]any)
	for name, event := range events {
		paths[hooks+name] = event
	}
	schemas, _ := lookUp(root, "#/components/schemas").(map[string]any)
	if schemas == nil {
		return nil, errors.New("greenfield: no schemas")
	}
	text, err := json.Marshal(join(root, root))
	if err != nil {
		return nil, fmt.Errorf("greenfield: %w", err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("greenfield: %w", err)
	}
	return &Checker{doc}, nil
}

// merge adds the branches of one file to those of the others.
func merge(into, from map[string]any) {
	for name, value := range from {
		old, isMap := into[name].(map[string]any)
		if branch, ok := value.(map[string]any); ok && isMap {
			merge(old, branch)
			continue
		}
		into[name] = value
	}
}

// lookUp follows a reference inside the document.
func lookUp(root map[string]any, ref string) any {
	var at any = root
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		branch, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = branch[step]
	}
	return at
}

// join puts one schema in the place of each allOf.
func join(root map[string]any, at any) any {
	switch at := at.(type) {
	case []any:
		list := make([]any, len(at))
		for i := range at {
			list[i] = join(root, at[i])
		}
		return list
	case map[string]any:
		branches, joins := at["allOf"].([]any)
		whole := maps.Clone(at)
		delete(whole, "allOf")
		for _, branch := range branches {
			add(whole, resolve(root, branch))
		}
		if joins { // of what was joined in, some joins too
			return join(root, whole)
		}
		for name, value := range whole {
			whole[name] = join(root, value)
		}
		return whole
	}
	return at
}

func resolve(root map[string]any, at any) map[string]any {
	schema, _ := at.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		return resolve(root, lookUp(root, ref))
	}
	return schema
}

// add lets a schema ask for what another one asks for as well.
func add(whole, branch map[string]any) {
	for name, value := range branch {
		old, there := whole[name]
		switch name {
		case "properties":
			all := map[string]any{}
			if o, ok := old.(map[string]any); ok {
				maps.Copy(all, o)
			}
			maps.Copy(all, value.(map[string]any))
			whole[name] = all
		case "required", "allOf":
			o, _ := old.([]any)
			whole[name] = slices.Concat(o, value.([]any))
		default:
			if !there {
				whole[name] = value
			}
		}
	}
}
