import "swagger-ui-dist/swagger-ui.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-bundle.js";

// The page is a part of the build, so that it works on a network that reaches no CDN.
SwaggerUI({ dom_id: "#docs", url: "/openapi.json", deepLinking: true, validatorUrl: null });
