#include "dspy/retrieve/documents/document.hpp"
#include "retrieve/documents/markdown_writer.hpp"
#include "retrieve/documents/readers.hpp"

#include <gumbo.h>

#include <cstddef>
#include <format>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTML is parsed by gumbo as browsers do it; the tree is walked and its blocks are written as Markdown.

namespace dspy::documents {
namespace {

/// Deeper elements are read as their text: a page may nest without end.
constexpr int deepest = 200;

std::span<GumboNode* const> children(const GumboNode& node) {
  if (node.type != GUMBO_NODE_ELEMENT && node.type != GUMBO_NODE_TEMPLATE) return {};
  const auto& list = node.v.element.children;
  // gumbo has untyped lists
  return {reinterpret_cast<GumboNode* const*>(list.data), list.length};  // NOLINT(*-reinterpret-cast)
}

bool is_left_out(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_SELECT: return true;
    default: return false;
  }
}

/// The element's text flows with what stands around it.
bool is_inline(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_A:
    case GUMBO_TAG_ABBR:
    case GUMBO_TAG_B:
    case GUMBO_TAG_BDI:
    case GUMBO_TAG_BDO:
    case GUMBO_TAG_CITE:
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_DATA:
    case GUMBO_TAG_DEL:
    case GUMBO_TAG_DFN:
    case GUMBO_TAG_EM:
    case GUMBO_TAG_FONT:
    case GUMBO_TAG_I:
    case GUMBO_TAG_INS:
    case GUMBO_TAG_KBD:
    case GUMBO_TAG_LABEL:
    case GUMBO_TAG_MARK:
    case GUMBO_TAG_Q:
    case GUMBO_TAG_S:
    case GUMBO_TAG_SAMP:
    case GUMBO_TAG_SMALL:
    case GUMBO_TAG_SPAN:
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_SUB:
    case GUMBO_TAG_SUP:
    case GUMBO_TAG_TIME:
    case GUMBO_TAG_TT:
    case GUMBO_TAG_U:
    case GUMBO_TAG_VAR:
    case GUMBO_TAG_WBR:
    case GUMBO_TAG_UNKNOWN: return true;
    default: return false;
  }
}

/// The text of a node and all below it.  `is_exact`: white space as it stands there.
void append_text(std::string& out, const GumboNode& top, bool is_exact) {
  std::vector<const GumboNode*> waiting{&top};
  while (!waiting.empty()) {
    const auto* const node = waiting.back();
    waiting.pop_back();
    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_CDATA || node->type == GUMBO_NODE_WHITESPACE) {
      for (const char c : std::string_view(node->v.text.text)) out += c == '\n' && !is_exact ? ' ' : c;
      continue;
    }
    if (node->type != GUMBO_NODE_ELEMENT || is_left_out(node->v.element.tag)) continue;
    if (node->v.element.tag == GUMBO_TAG_BR) out += '\n';
    if (!is_inline(node->v.element.tag)) out += is_exact ? "" : " ";
    const auto below = children(*node);
    for (auto child = below.rbegin(); child != below.rend(); ++child) waiting.push_back(*child);
  }
}

std::string text_of(const GumboNode& node, bool is_exact = false) {
  std::string out;
  append_text(out, node, is_exact);
  return out;
}

class Walk {
 public:
  void blocks(const GumboNode& node, int depth) {
    for (const auto* const child : children(node)) {
      if (child->type != GUMBO_NODE_ELEMENT) {
        append_text(line_, *child, false);
        continue;
      }
      const auto tag = child->v.element.tag;
      if (is_left_out(tag)) continue;
      if (tag == GUMBO_TAG_BR) {
        line_ += '\n';
      } else if (is_inline(tag) && !holds_blocks(*child, 0)) {
        append_text(line_, *child, false);
      } else {
        block(*child, depth);
      }
    }
  }

  std::string take() {
    end_line();
    return out_.take();
  }

 private:
  static bool holds_blocks(const GumboNode& node, int depth) {
    if (depth > deepest) return false;
    for (const auto* const child : children(node)) {
      if (child->type != GUMBO_NODE_ELEMENT) continue;
      const auto tag = child->v.element.tag;
      if ((!is_inline(tag) && !is_left_out(tag) && tag != GUMBO_TAG_BR && tag != GUMBO_TAG_IMG) ||
          holds_blocks(*child, depth + 1))
        return true;
    }
    return false;
  }

  void end_line() {
    if (items_.empty()) {
      out_.paragraph(line_);
    } else {
      out_.item(items_.size() - 1, items_.back(), line_);
    }
    line_.clear();
  }

  void block(const GumboNode& node, int depth) {
    end_line();
    const auto tag = node.v.element.tag;
    if (tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6) {
      out_.heading(static_cast<std::size_t>(tag - GUMBO_TAG_H1) + 1, text_of(node));
    } else if (tag == GUMBO_TAG_PRE) {
      out_.code(text_of(node, true));
    } else if (tag == GUMBO_TAG_TABLE) {
      table(node, depth);
    } else if (tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL) {
      list(node, tag == GUMBO_TAG_OL, depth);
    } else if (depth >= deepest) {
      line_ = text_of(node);
      end_line();
    } else {
      blocks(node, depth + 1);
      end_line();
    }
  }

  void list(const GumboNode& node, bool is_ordered, int depth) {
    std::size_t number = 0;
    for (const auto* const child : children(node)) {
      if (child->type != GUMBO_NODE_ELEMENT || is_left_out(child->v.element.tag)) continue;
      items_.push_back(is_ordered ? std::format("{}.", ++number) : "-");
      if (depth >= deepest) {
        line_ = text_of(*child);
      } else {
        blocks(*child, depth + 1);
      }
      end_line();
      items_.pop_back();
    }
  }

  void table(const GumboNode& node, int depth) {
    std::vector<std::vector<std::string>> rows;
    collect_rows(node, rows, depth);
    out_.table(rows);
  }

  static void collect_rows(const GumboNode& node, std::vector<std::vector<std::string>>& rows, int depth) {
    if (depth >= deepest) return;
    for (const auto* const child : children(node)) {
      if (child->type != GUMBO_NODE_ELEMENT) continue;
      const auto tag = child->v.element.tag;
      if (tag == GUMBO_TAG_TR) {
        auto& row = rows.emplace_back();
        for (const auto* const cell : children(*child))
          if (cell->type == GUMBO_NODE_ELEMENT) row.push_back(text_of(*cell));
      } else if (tag == GUMBO_TAG_CAPTION) {
        rows.push_back({text_of(*child)});
      } else {
        collect_rows(*child, rows, depth + 1);
      }
    }
  }

  MarkdownWriter out_;
  std::string line_;                ///< Text of the block that is not ended yet.
  std::vector<std::string> items_;  ///< Markers of the lists around.
};

/// The first `<title>` in the document's head.
std::string title_of(const GumboNode& root) {
  for (const auto* const part : children(root)) {
    if (part->type != GUMBO_NODE_ELEMENT || part->v.element.tag != GUMBO_TAG_HEAD) continue;
    for (const auto* const child : children(*part))
      if (child->type == GUMBO_NODE_ELEMENT && child->v.element.tag == GUMBO_TAG_TITLE)
        return collapsed(text_of(*child), false);
  }
  return {};
}

}  // namespace

TextDocument read_html(std::string_view bytes) {
  const auto free = [](GumboOutput* tree) { gumbo_destroy_output(&kGumboDefaultOptions, tree); };
  const std::unique_ptr<GumboOutput, decltype(free)> tree(
      gumbo_parse_with_options(&kGumboDefaultOptions, bytes.data(), bytes.size()), free);
  Walk walk;
  walk.blocks(*tree->root, 0);
  TextDocument document{.text = walk.take()};
  document.title = title_of(*tree->root);
  if (document.title.empty()) document.title = first_heading(document.text);
  return document;
}

}  // namespace dspy::documents
