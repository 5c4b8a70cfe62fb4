#pragma once

#include "dspy/base/json.hpp"
#include "support/measure.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// The programs of llama.cpp that benchmarks run beside the engine.

namespace dspy::bench {

/// Runs a program and returns what it prints; nothing if it cannot be run.  `environment` is added to ours.
inline std::optional<std::string> output_of(std::vector<std::string> command,
                                            const std::vector<std::string>& environment = {},
                                            double* cpu_seconds = nullptr) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return std::nullopt;
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], 1);
    ::close(pipe_ends[0]);
    for (const auto& setting : environment) ::putenv(::strdup(setting.c_str()));
    std::vector<char*> arguments;
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stderr) != nullptr) ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(pipe_ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(pipe_ends[0]);
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  if (cpu_seconds) *cpu_seconds = seconds(used);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return text;
}

/// A llama-server of our own, ended with its owner.
class Server {
 public:
  Server(const std::string& file, int threads, const std::vector<std::string>& options)
      : port_(18080 + static_cast<int>(::getpid() % 1000)) {
    std::vector<std::string> command = {
        "llama-server",        "-m",   file, "-t",        std::to_string(threads), "--port",
        std::to_string(port_), "-ngl", "0",  "--no-webui"};
    command.insert(command.end(), options.begin(), options.end());
    process_ = ::fork();
    if (process_ == 0) {
      std::vector<char*> arguments;
      for (auto& argument : command) arguments.push_back(argument.data());
      arguments.push_back(nullptr);
      const int nowhere = ::open("/dev/null", O_RDWR);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    for (int i = 0; i < 1200; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      int status = 0;
      if (::waitpid(process_, &status, WNOHANG) == process_) {
        process_ = -1;
        return;
      }
      if (request("GET", "/health", "").contains("\"ok\"")) return;
    }
  }
  ~Server() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool runs() const { return process_ > 0; }

  /// Processor time it has used so far.
  double cpu_seconds() const {
    std::string stat(4096, '\0');
    if (std::FILE* file = std::fopen(std::format("/proc/{}/stat", process_).c_str(), "r")) {
      stat.resize(std::fread(stat.data(), 1, stat.size(), file));
      std::fclose(file);
    }
    unsigned long user = 0, system = 0;
    std::sscanf(stat.c_str() + stat.rfind(')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                &system);
    return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  /// The greedy continuation of `prompt`: how many tokens it has.  `schema`: JSON Schema that it is held to; without
  /// one it goes on to the last of `most` tokens.
  std::size_t complete(const Tokens& prompt, int most, const std::string& schema) const {
    std::string list;
    for (const auto token : prompt) list += (list.empty() ? "" : ",") + std::to_string(token);
    const auto body = std::format(
        R"({{"prompt":[{}],"n_predict":{},"temperature":0,"samplers":["top_k"],"top_k":1,"cache_prompt":true,{}}})",
        list, most, schema.empty() ? R"("ignore_eos":true)" : R"("json_schema":)" + schema);
    const auto answer = request("POST", "/completion", body);
    const auto begin = answer.find("\r\n\r\n");
    const auto json = parse_json(begin == std::string::npos ? "" : std::string_view(answer).substr(begin + 4));
    if (const auto* const count =
            json && json->is_object() ? json->get_object().if_contains("tokens_predicted") : nullptr)
      return count->to_number<std::size_t>();
    std::fprintf(stderr, "llama-server: %.200s\n", answer.c_str());
    return 0;
  }

 private:
  std::string request(std::string_view method, std::string_view path, const std::string& body) const {
    const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    std::string answer;
    if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const auto text = std::format(
          "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-"
          "Length: {}\r\nConnection: close\r\n\r\n{}",
          method, path, body.size(), body);
      std::size_t sent = 0;
      while (sent < text.size()) {
        const auto count = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      char buffer[4096];
      for (ssize_t count = 0; (count = ::recv(connection, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    ::close(connection);
    return answer;
  }

  int port_;
  pid_t process_ = -1;
};

}  // namespace dspy::bench
