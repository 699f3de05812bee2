/** No soak takes longer, in seconds: it then says how far it came, and fails if that is not far enough. */
export const secondsEach = Number(process.env['SALLYPORT_SOAK_SECONDS'] ?? '3600')
