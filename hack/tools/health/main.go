// health tells what GitOps tools make of objects: kstatus's own word, which Flux and Helm go by, and that of Argo CD's
// health check in the ConfigMap that the first argument names. It reads a JSON list of objects and writes a list of answers.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	whole "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Kstatus string `json:"kstatus"`
	Argo    string `json:"argo"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	config := struct{ Data map[string]string }{}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return err
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var objects []map[string]any
	if err := whole.Unmarshal(input, &objects); err != nil {
		return err
	}
	answers := []answer{}
	for _, object := range objects {
		result, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			return err
		}
		of := unstructured.Unstructured{Object: object}
		key := fmt.Sprintf("resource.customizations.health.%s_%s", of.GroupVersionKind().Group, of.GetKind())
		script, there := config.Data[key]
		if !there {
			return fmt.Errorf("%s has no %s", os.Args[1], key)
		}
		health, message, err := check(script, object)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		answers = append(answers, answer{string(result.Status), health, message})
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// check runs a script as Argo CD does: the object is the global obj, and a table with status and message comes back.
func check(script string, object map[string]any) (string, string, error) {
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("it gives no table")
	}
	return table.RawGetString("status").String(), table.RawGetString("message").String(), nil
}

func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range from {
			table.RawSetString(key, value(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range from {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(from)
	case int64:
		return lua.LNumber(from)
	case float64:
		return lua.LNumber(from)
	case bool:
		return lua.LBool(from)
	default:
		return lua.LNil
	}
}
