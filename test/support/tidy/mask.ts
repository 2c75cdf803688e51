/**
 * The text with comments, strings, templates and regular expressions blanked out, every other character where it was:
 * what is left can be searched for words of the language. A tokenizer of one page, not a parser; it need only be right
 * about code that the compiler and the formatter have accepted.
 */
export function mask(text: string): string {
  const out = [...text.split('')];
  /** Depth of braces at which each open template literal goes on. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const blank = (end: number) => {
    for (; at < end; at += 1) if (out[at] !== '\n') out[at] = ' ';
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const char = text[at];
    if (two === '//') blank(endOr(text, text.indexOf('\n', at)));
    else if (two === '/*') blank(endOr(text, text.indexOf('*/', at), 2));
    else if (char === "'" || char === '"') skipQuoted(char);
    else if (char === '`') skipTemplate();
    else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      skipTemplate();
    } else if (char === '/' && regexMayBegin(text.slice(Math.max(0, at - 40), at))) {
      // The slashes stay: an expression must stand where one stood.
      const end = endOfRegex(text, at);
      at += 1;
      blank(end);
      at = end + 1;
    } else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      at += 1;
    }
  }
  return out.join('');

  function skipQuoted(quote: string): void {
    let end = at + 1;
    while (text[end] !== quote) end += text[end] === '\\' ? 2 : 1;
    at += 1;
    blank(end);
    at = end + 1;
  }

  /** From the opening quote, or from the brace that ends a `${}`, to the closing quote or the next `${`. */
  function skipTemplate(): void {
    let end = at + 1;
    while (text[end] !== '`' && text.slice(end, end + 2) !== '${') end += text[end] === '\\' ? 2 : 1;
    at += 1;
    blank(end);
    if (text[end] === '`') {
      at = end + 1;
    } else {
      templates.push(depth);
      at = end + 2;
    }
  }
}

function endOr(text: string, found: number, more = 0): number {
  return found === -1 ? text.length : found + more;
}

/** A slash after a value divides; after anything else it begins a regular expression. */
function regexMayBegin(before: string): boolean {
  return /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in|await))\s*$/.test(before);
}

/** Where its last slash stands. */
function endOfRegex(text: string, start: number): number {
  let end = start + 1;
  let inClass = false;
  while (inClass || text[end] !== '/') {
    if (text[end] === '\\') end += 1;
    else if (text[end] === '[') inClass = true;
    else if (text[end] === ']') inClass = false;
    end += 1;
  }
  return end;
}
