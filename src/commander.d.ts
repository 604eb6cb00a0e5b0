/** Commander as it is, with types that tell what options a command is given: inferred from how it is defined. */
declare module 'commander' {
  export * from '@commander-js/extra-typings';
}
