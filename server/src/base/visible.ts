// Everything that a reader cannot see or that moves what he sees: controls, formats (bidi, zero width, tags), variation
// selectors and fillers, separators, spaces other than the plain one, unassigned and private characters, lone surrogates,
// the blank Braille pattern; and our own mark, so that no text can imitate it.
const unseen = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|⟨(?=U\+)/gu

/**
 * Makes untrusted text safe to be judged by eye: what is invisible, or turns other characters around, is written
 * `⟨U+202E⟩`. No two texts look alike because of a character that cannot be seen.
 *
 * It does not escape HTML: the `html` tag does.
 *
 * @param text Names, descriptions, arguments: whatever an upstream, a client or a caller wrote.
 * @param lines Keep line feeds and tabs, for text that is shown in a `pre`.
 */
export function visible(text: string, lines: 'one' | 'many' = 'one'): string {
  return text.replace(unseen, (character) => {
    if (lines === 'many' && (character === '\n' || character === '\t')) return character
    return `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
  })
}
