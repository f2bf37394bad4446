declare module "@babel/preset-env";
