package greenfield

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Exchange is a request and its answer.
type Exchange struct {
	// Event is a webhook's type, and empty for a request to BTCPay.
	Event        string
	Method, URL  string
	Header       http.Header
	Body, Answer []byte
	Status       int
	AnswerHeader http.Header
}

// ofStore is the part of a path that versions before 2.4 need, and the files of
// 2.4 leave out.
var ofStore = regexp.MustCompile(`^/api/v1/stores/[^/]+/((?:invoices|payouts|webhooks|pull-payments)/[^/?]+)`)

// Check tells what does not fit in a request to BTCPay, in its answer, or in a
// webhook. The answer to a webhook is not looked at.
func (c *Checker) Check(ctx context.Context, e Exchange) error {
	if e.Event != "" {
		e.Method, e.URL = http.MethodPost, hooks+e.Event
	}
	r, route, params, err := c.find(ctx, e)
	if err != nil {
		return fmt.Errorf("greenfield: %s %s: %w", e.Method, e.URL, err)
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	// Without a body there is none to check: activation has no schema.
	if err := openapi3filter.ValidateRequest(ctx, in); err != nil && e.Status < http.StatusBadRequest {
		return fmt.Errorf("greenfield: request %s %s: %w\n%s", e.Method, e.URL, err, e.Body)
	}
	if e.Event != "" || e.Status == 0 {
		return nil
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: e.Status, Header: e.AnswerHeader, Options: options,
	}
	out.SetBodyBytes(e.Answer)
	err = openapi3filter.ValidateResponse(ctx, out)
	if unnamed := route.Operation.Responses.Status(e.Status) == nil; unnamed && undocumented[e.Status] {
		return nil
	}
	if err != nil {
		return fmt.Errorf("greenfield: answer %d to %s %s: %w\n%s", e.Status, e.Method, e.URL, err, e.Answer)
	}
	return nil
}

// undocumented are refusals that any operation can answer with, named in the
// files or not.
var undocumented = map[int]bool{
	http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusForbidden: true,
	http.StatusNotFound: true, http.StatusUnprocessableEntity: true, http.StatusServiceUnavailable: true,
}

// find is the operation, under its long path or the short one.
func (c *Checker) find(ctx context.Context, e Exchange) (*http.Request, *routers.Route, map[string]string, error) {
	for _, url := range []string{e.URL, ofStore.ReplaceAllString(e.URL, "/api/v1/$1")} {
		r, err := http.NewRequestWithContext(ctx, e.Method, url, bytes.NewReader(e.Body))
		if err != nil {
			return nil, nil, nil, err
		}
		r.Header = e.Header.Clone()
		if route, params := c.route(r); route != nil {
			return r, route, params, nil
		}
	}
	return nil, nil, nil, errors.New("no such operation")
}

// route is the operation of the path with the most literal steps.
func (c *Checker) route(r *http.Request) (found *routers.Route, params map[string]string) {
	best := -1
	for path, item := range c.doc.Paths.Map() {
		operation := item.GetOperation(r.Method)
		literal, values, fits := match(path, r.URL.Path)
		if operation == nil || !fits || literal <= best {
			continue
		}
		best, params = literal, values
		found = &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation}
	}
	return found, params
}

func match(template, path string) (literal int, params map[string]string, fits bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	params = map[string]string{}
	for i, step := range want {
		switch {
		case len(got) != len(want):
			return 0, nil, false
		case strings.HasPrefix(step, "{"):
			params[strings.Trim(step, "{}")] = got[i]
		case step != got[i]:
			return 0, nil, false
		default:
			literal++
		}
	}
	return literal, params, true
}
