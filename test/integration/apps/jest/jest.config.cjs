module.exports = {
  rootDir: __dirname,
  testMatch: ['**/*.spec.cjs'],
  testEnvironment: './environment.cjs',
  transform: {},
  moduleFileExtensions: ['cjs', 'js', 'json', 'node'],
};
