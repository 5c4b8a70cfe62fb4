#pragma once

#include "dspy/server/admission.hpp"
#include "dspy/server/listener.hpp"
#include "flags/log_flags.hpp"
#include "serving/data_parts.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy::app {

struct ServeFlags {
  std::vector<std::string> sources;
  std::vector<std::string> models;
  std::vector<std::string> embedders;
  std::vector<std::string> rerankers;
  std::string adapter = "field";
  std::string listen = "127.0.0.1:8080";
  std::string admin;
  std::string certificate;
  std::string key;
  std::vector<std::string> splits;
  std::string jobs;
  DataFlags data;
  LogFlags log;
  std::size_t max_jobs = 16;
  bool is_page_alone = false;  ///< No model unless one is named.
  bool reload = false;
  bool accept_changed = false;
  bool insecure = false;
  bool json = false;
  server::AdmissionLimits admission;
  server::ListenerLimits limits;
  std::size_t threads = 0;
  double request_seconds = 600;
  double socket_idle_seconds = 600;
  double socket_seconds = 86'400;
  double drain_seconds = 30;
};

/// Serves until SIGTERM or SIGINT, then drains.  Returns the exit code.
int serve(const ServeFlags& flags);

}  // namespace dspy::app
