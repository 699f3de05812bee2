/**
 * Whether a text is a JWS in its compact form, spelt in the one way in which its bytes can be: no padding, no other
 * alphabet, no bits that mean nothing. Libraries mend such spellings, and then one signature is good under many texts.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1
 */
export function isCompactJws(text: string): boolean {
  const parts = text.split('.', 4)
  return (
    parts.length === 3 &&
    parts.every((part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part)
  )
}
