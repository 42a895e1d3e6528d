package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// linesConfig is the configuration of the exporter "lines", which appends each request to a file as one line:
// {"signal":"logs","request":{…}}, the request in OTLP's own JSON.
type linesConfig struct {
	Path string `mapstructure:"path"`
}

func newLinesFactory() exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType("lines"),
		func() component.Config { return &linesConfig{} },
		exporter.WithLogs(newLogs, component.StabilityLevelStable),
		exporter.WithMetrics(newMetrics, component.StabilityLevelStable),
		exporter.WithTraces(newTraces, component.StabilityLevelStable),
	)
}

// lines is one signal's end of the file. The file is opened for appending, and a line is one write, so that signals do not mix.
type lines struct {
	component.StartFunc
	component.ShutdownFunc
	signal string
	file   *os.File
}

func open(config component.Config, signal string) (*lines, error) {
	file, err := os.OpenFile(config.(*linesConfig).Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	shutdown := func(context.Context) error { return file.Close() }
	return &lines{ShutdownFunc: shutdown, signal: signal, file: file}, nil
}

func (l *lines) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (l *lines) write(request []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.file, "{\"signal\":%q,\"request\":%s}\n", l.signal, request)
	return err
}

type logs struct{ *lines }

func newLogs(_ context.Context, _ exporter.Settings, config component.Config) (exporter.Logs, error) {
	opened, err := open(config, "logs")
	return logs{opened}, err
}

func (l logs) ConsumeLogs(_ context.Context, data plog.Logs) error {
	return l.write((&plog.JSONMarshaler{}).MarshalLogs(data))
}

type metrics struct{ *lines }

func newMetrics(_ context.Context, _ exporter.Settings, config component.Config) (exporter.Metrics, error) {
	opened, err := open(config, "metrics")
	return metrics{opened}, err
}

func (m metrics) ConsumeMetrics(_ context.Context, data pmetric.Metrics) error {
	return m.write((&pmetric.JSONMarshaler{}).MarshalMetrics(data))
}

type traces struct{ *lines }

func newTraces(_ context.Context, _ exporter.Settings, config component.Config) (exporter.Traces, error) {
	opened, err := open(config, "traces")
	return traces{opened}, err
}

func (t traces) ConsumeTraces(_ context.Context, data ptrace.Traces) error {
	return t.write((&ptrace.JSONMarshaler{}).MarshalTraces(data))
}
